/** What a controller must find again with each frame when its receipt comes. */
export interface SendState {
  readonly sentMs: number;
  /** What was delivered, and when, when the frame was sent. */
  readonly deliveredBytes: number;
  readonly deliveredMs: number;
  /** When the first frame of the flight that the frame belongs to was sent. */
  readonly firstSentMs: number;
  /** The subflow had room for more than there was to send. */
  readonly applicationLimited: boolean;
}
