// Draws docs/demo.svg, the picture of the README: a terminal with the output of the real demo. It runs the compiled command,
// so run `npm run build` first. A test compares the words of the picture with those of the demo.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const pictureFile = new URL('../docs/demo.svg', import.meta.url);

/** Runs the demo of a built program and returns what it prints to stdout. */
export function recordDemo(program = 'dist/src/cli/main.js') {
  return execFileSync(process.execPath, [program, 'demo'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const command = '$ npm ci && npm run demo';
const columns = 100;
const [columnWidth, lineHeight, margin, top] = [7.83, 19, 18, 46];

/** Returns the lines of the picture: the command, and what it prints from the table on, wrapped as in a terminal. */
export function pictureLines(output) {
  const table = output.slice(output.indexOf('   MEANT')).trimEnd().split('\n');
  return [command, '', ...table].flatMap(wrap);
}

/** Breaks a line between words where it does not fit, and indents the rest as the line. */
function wrap(line) {
  if (line.length <= columns) return [line];
  const at = line.lastIndexOf(' ', columns);
  const indent = /^\d/.test(line) ? 20 : 0;
  return [line.slice(0, at), ...wrap(' '.repeat(indent) + line.slice(at + 1))];
}

/** Each part of a line that has a colour of its own. */
const colours = [
  [/^\$ /, 'dim'],
  [/^ +MEANT.*/, 'dim'],
  [/^ {4,}call \d+ got:/, 'dim'],
  [/(?<=^\d +\d +\d +)ok/, 'good'],
  [/\bWRONG\b.*/, 'bad'],
  [/^ (?:executed|replayed|recovered|no answer|idempotency_conflict)\b/, 'word'],
  [/^Every scene passed:/, 'good'],
];

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function coloured(line) {
  for (const [pattern, name] of colours) {
    const found = pattern.exec(line);
    if (found === null) continue;
    const [before, after] = [line.slice(0, found.index), line.slice(found.index + found[0].length)];
    return `${escaped(before)}<tspan class="${name}">${escaped(found[0])}</tspan>${coloured(after)}`;
  }
  return escaped(line);
}

/** Draws a terminal with these lines, in the colours of the reader's system. */
export function drawPicture(lines) {
  const width = Math.ceil(columns * columnWidth + 2 * margin);
  const height = top + lines.length * lineHeight + margin;
  const texts = lines.map((line, index) => {
    const y = top + (index + 1) * lineHeight - 5;
    return line === '' ? '' : `<text x="${margin}" y="${y}">${coloured(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal with the output of npm run demo">
<style>
rect { fill: #f6f8fa; stroke: #d0d7de; }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre; }
.dim { fill: #656d76; } .good { fill: #1a7f37; font-weight: bold; } .bad { fill: #cf222e; } .word { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  rect { fill: #0d1117; stroke: #30363d; } text { fill: #e6edf3; }
  .dim { fill: #8d96a0; } .good { fill: #3fb950; } .bad { fill: #f85149; } .word { fill: #58a6ff; }
}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
<circle cx="22" cy="21" r="6" fill="#ff5f57"/><circle cx="42" cy="21" r="6" fill="#febc2e"/><circle cx="62" cy="21" r="6" fill="#28c840"/>
${texts.filter((text) => text !== '').join('\n')}
</svg>
`;
}

/** Returns the lines of text of a picture. */
export function linesOfPicture(svg) {
  const texts = [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, text]) => text.replace(/<[^>]+>/g, ''));
  return texts.map((text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const picture = drawPicture(pictureLines(recordDemo()));
  writeFileSync(pictureFile, picture);
  console.log(`docs/demo.svg: ${Buffer.byteLength(picture)} bytes`);
}
