export const pictureFile: URL;
export function recordDemo(): string;
export function pictureLines(output: string): string[];
export function linesOfPicture(svg: string): string[];
