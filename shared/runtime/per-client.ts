/** What has something of each client that has been here, and forgets it of clients that the list does not have any more. */
export interface PerClient {
  keepClients(isKnown: (clientId: string) => boolean): void;
}
