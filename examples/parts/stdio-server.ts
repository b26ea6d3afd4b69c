import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { guard } from 'mcp-once';
import { settings } from './shop.ts';
import { shopServer } from './shop-server.ts';

const once = settings.guarded ? await guard() : undefined;
await shopServer(once).connect(new StdioServerTransport());
