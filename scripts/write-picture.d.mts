export const pictureFile: URL;
export function recordDemo(program?: string): string;
export function pictureLines(output: string): string[];
export function linesOfPicture(svg: string): string[];
