import { fileURLToPath } from 'node:url';

/** How a client starts the server. */
export const roomsCommand = {
  command: process.execPath,
  args: [fileURLToPath(new URL('rooms-server.mjs', import.meta.url))],
  env: {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    MCP_ONCE_STORE: process.env.MCP_ONCE_STORE ?? 'memory:',
    ROOMS_FILE: process.env.ROOMS_FILE ?? 'bookings',
  },
};
