// One task, in the form of either revision: the experimental tasks of 2025-11-25, and the extension of
// 2026-07-28.

import { isObject } from './json.js';

const OVER = new Set(['completed', 'failed', 'cancelled']);

/** Whether a task has ended. */
export const isOver = (entry) => OVER.has(entry.task.status);

/** The task that a result announces, in the form of either revision, or undefined. */
export function taskOf(result) {
  if (!isObject(result)) return undefined;
  const found = result.resultType === 'task' && typeof result.taskId === 'string' ? result : result.task;
  return isObject(found) && typeof found.taskId === 'string' ? found : undefined;
}

const text = (value) => (typeof value === 'string' ? value : undefined);
const count = (value) => (Number.isFinite(Number(value)) && value !== null && value !== undefined ? Number(value) : undefined);

/** The members that both revisions have, under one name. */
export function normalise(task) {
  return {
    taskId: task.taskId, status: text(task.status) ?? 'working', statusMessage: text(task.statusMessage), createdAt: text(task.createdAt), lastUpdatedAt: text(task.lastUpdatedAt),
    ttl: count(task.ttlMs ?? task.ttl), poll: count(task.pollIntervalMs ?? task.pollInterval),
  };
}

/** How long to wait before the next look, in milliseconds. The server suggests it. */
export const interval = (task) => Math.min(Math.max(task.poll ?? 1000, 200), 30_000);
