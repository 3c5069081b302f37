// Runs one file of dist/bundle/ with what V8 compiled of it in an earlier process (its code cache), which halves the start of a program. A cache
// belongs to one content of the file, one version of V8, and one program (V8 itself refuses what was made with other flags); where none fits, the file is compiled as usual, and
// when the process ends a cache is left for the next one, if it may write there. What is in a cache is never needed.
const { constants, accessSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, resolve } = require('node:path');
const { Script } = require('node:vm');
const { threadId } = require('node:worker_threads');

/**
 * @param file a bundle: a function of exports, require, module and __dirname, as the text of a CommonJS module becomes one
 * @param content what tells its content from that of others
 * @param program whose cache it is: programs use different parts of a bundle
 * @returns what the module exports
 */
exports.load = (file, content, program) => {
  const path = resolve(file);
  const cachePath = `${path}.${content}-${process.versions.v8}-${process.arch}-${program}.cache`;
  const cachedData = contentOf(cachePath);
  const script = new Script(readFileSync(path, 'utf8'), { filename: path, cachedData });
  if (cachedData === undefined || script.cachedDataRejected)
    process.once('exit', () => keep(script, cachePath));
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, dirname(path));
  return module.exports;
};

function contentOf(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Whole or not at all: another process may read at any time. */
function keep(script, path) {
  try {
    accessSync(dirname(path), constants.W_OK);
    const unfinished = `${path}.${process.pid}-${threadId}`;
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, path);
  } catch {
    // Without a cache the next start is slower, and that is all.
  }
}
