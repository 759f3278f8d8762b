/** Whether random loss slows a kernel's congestion control little, so that a second connection would only double its queue: BBR, in any version. */
export function ignoresLoss(congestionControl: string): boolean {
  return congestionControl.startsWith('bbr');
}
