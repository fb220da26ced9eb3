// Short news at the edge of the page.
import { asError } from "./api";

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  requestId: string;
}

export const toasts = $state<{ list: Toast[] }>({ list: [] });
let next = 0;

function show(toast: Omit<Toast, "id">) {
  const id = next++;
  toasts.list.push({ id, ...toast });
  setTimeout(() => dismiss(id), toast.bad ? 12_000 : 4_000);
}

export const say = (text: string) => show({ text, bad: false, requestId: "" });

export function complain(error: unknown) {
  const { message, requestId } = asError(error);
  show({ text: message, bad: true, requestId });
}

export function dismiss(id: number) {
  toasts.list = toasts.list.filter((toast) => toast.id !== id);
}
