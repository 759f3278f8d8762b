/** The name of one of many clients. */
export function clientName(index: number): string {
  return `client-${index}`;
}
