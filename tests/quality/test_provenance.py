"""What a table says of the machine."""

from __future__ import annotations

import platform
from pathlib import Path

from codectool.quality.provenance import cpu_name

SEVERAL = "processor : 0\ncpu family\t: 23\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\nprocessor : 1\n"


def test_the_processor_is_named_with_its_numbers(tmp_path: Path) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text(SEVERAL, encoding="utf-8")
    assert cpu_name(facts) == "AMD EPYC family 23 model 1"


def test_a_system_without_such_a_file_names_it_itself(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "none") == (platform.processor() or platform.machine())
