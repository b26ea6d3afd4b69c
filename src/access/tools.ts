import { matchesGlob } from '../tool/glob.ts';
import type { Principal } from './types.ts';

/** Whether somebody may see and call a tool. */
export function mayUse(principal: Principal, tool: string): boolean {
  return principal.tools === undefined || principal.tools.some((pattern) => matchesGlob(pattern, tool));
}
