import type { ServerPolicy } from '../policy/server-policy.ts';

export const linearPolicy: ServerPolicy = {
  name: 'linear',
  source: 'npm @tacticlaunch/mcp-linear@1.4.3',
  servers: ['linear'],
  tools: [
    'linear_getViewer',
    'linear_getTeamLabels',
    'linear_removeIssueFromProject',
    'linear_unarchiveReleasePipeline',
    'linear_archiveRelease',
    'linear_getInitiativeDocuments',
    'linear_generateOAuthAuthorizationUrl',
    'linear_getAttachments',
    'linear_createSavedView',
    'linear_removeIssueFromCycle',
    'linear_addProjectToInitiative',
    'linear_getCustomerStatuses',
    'linear_getIssueTemplates',
    'linear_duplicateIssue',
  ],
  rules: {},
};
