#!/usr/bin/env node
// Runs the farport program of this platform, which npm installed as an optional dependency.
"use strict";

const { spawn } = require("node:child_process");

const name = `@farport/${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "farport.exe" : "farport";

let program;
try {
  program = require.resolve(`${name}/${file}`);
} catch {
  console.error(`error: the npm package ${name} is not installed`);
  console.error(
    "hint: install farport again without --omit=optional; if npm has no such package, build farport with " +
      "`cargo install farport-cli`",
  );
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends Ctrl-C to both processes. Other signals reach only this one.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`error: cannot start ${program}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal) {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  } else {
    process.exit(code);
  }
});
