"""The training code behind the shipped weights; the package never imports it."""
