import type { ServerPolicy } from '../policy/server-policy.ts';

export const redisPolicy: ServerPolicy = {
  name: 'redis',
  source: 'github redis/mcp-redis@5945b0b5b098',
  servers: ['Redis MCP Server'],
  tools: [
    'hset',
    'hexists',
    'json_get',
    'lpop',
    'lrem',
    'rename',
    'publish',
    'unsubscribe',
    'create_vector_index_hash',
    'info',
    'smembers',
    'xadd',
    'xgroup_destroy',
    'get',
  ],
  rules: {
    scan_keys: {
      class: 'off',
      arguments: ['pattern', 'count', 'cursor'],
    },
    scan_all_keys: {
      class: 'off',
      arguments: ['pattern', 'batch_size'],
    },
    type: {
      class: 'off',
      arguments: ['key'],
    },
    hexists: {
      class: 'off',
      arguments: ['name', 'key'],
    },
    publish: {
      class: 'repeatable',
    },
    sadd: {
      class: 'state',
    },
    zadd: {
      class: 'state',
    },
    expire: {
      class: 'state',
      deletes: false,
    },
    lpop: {
      class: 'repeatable',
      deletes: false,
    },
    rpop: {
      class: 'repeatable',
      deletes: false,
    },
    xreadgroup: {
      class: 'repeatable',
      windowMs: 2000,
    },
    subscribe: {
      class: 'create',
      movesMoney: false,
    },
    psubscribe: {
      class: 'create',
      movesMoney: false,
    },
    unsubscribe: {
      movesMoney: false,
    },
  },
};
