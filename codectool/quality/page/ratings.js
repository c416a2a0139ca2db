const COLUMNS = ["page", "listener", "test", "recording", "trial", "condition", "kbps", "value"];

/* A random name is enough to tell listeners apart. */
const anonymous = () => `listener-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;

function shuffled(list) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

/* A spreadsheet takes what begins with one of these for a formula. */
function cell(value) {
  const text = String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const kbpsOf = (recording, version) => (version.bytes ? ((8 * version.bytes) / recording.duration_s / 1000).toFixed(2) : "");

/* Rows are objects with the columns' names. */
const csvOf = (rows) => [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => row[column]))].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";

function saveButton(rows, name) {
  const button = make("button", { type: "button", class: "primary" }, "Save the results as CSV");
  button.addEventListener("click", () => {
    const link = make("a", { download: name, href: URL.createObjectURL(new Blob([csvOf(rows)], { type: "text/csv" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    unsaved.delete(rows);
  });
  unsaved.add(rows);
  return button;
}

const unsaved = new Set();
addEventListener("beforeunload", (event) => { if (unsaved.size) event.preventDefault(); });

/* How likely so many right answers, or more, are by guessing. */
function chanceOf(right, rounds) {
  let [sum, ways] = [0, 1];
  for (let k = 0; k <= rounds; k += 1) {
    if (k >= right) sum += ways;
    ways = (ways * (rounds - k)) / (k + 1);
  }
  return sum / 2 ** rounds;
}
