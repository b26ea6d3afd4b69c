import type { ServerPolicy } from '../policy/server-policy.ts';

export const googleCalendarPolicy: ServerPolicy = {
  name: 'google-calendar',
  source: 'npm @cocal/google-calendar-mcp@2.6.3',
  servers: ['google-calendar'],
  tools: [
    'list-calendars',
    'list-events',
    'search-events',
    'get-event',
    'list-colors',
    'create-event',
    'create-events',
    'update-event',
    'delete-event',
    'get-freebusy',
    'get-current-time',
    'respond-to-event',
    'manage-accounts',
  ],
  rules: {},
};
