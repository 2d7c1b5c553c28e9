// How the tests in features.mjs are spelled with `@modelcontextprotocol/sdk` 1.x.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

const REQUESTS = {
  'elicitation/create': ElicitRequestSchema,
  'sampling/createMessage': CreateMessageRequestSchema,
  'roots/list': ListRootsRequestSchema,
};

const NOTIFICATIONS = {
  'notifications/message': LoggingMessageNotificationSchema,
  'notifications/prompts/list_changed': PromptListChangedNotificationSchema,
  'notifications/resources/list_changed': ResourceListChangedNotificationSchema,
  'notifications/resources/updated': ResourceUpdatedNotificationSchema,
  'notifications/tools/list_changed': ToolListChangedNotificationSchema,
};

/** A client of this release, connected over `transport`. */
export async function connectWith(transport, handlers) {
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const client = new Client({ name: 'farport-tests', version: '1.0.0' }, { capabilities });
  for (const [method, handler] of Object.entries(handlers)) client.setRequestHandler(REQUESTS[method], handler);
  await client.connect(transport);
  return client;
}

export const SDK1 = {
  modern: false,
  call: (client, params, options) => client.callTool(params, undefined, options),
  hear: (client, method, listener) => client.setNotificationHandler(NOTIFICATIONS[method], listener),
};
