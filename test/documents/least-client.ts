/** The least that a client's configuration needs, with the maps whose keys are tried one by one. */
export const LEAST_CLIENT = {
  concentrator: { addresses: ['vps.example.org:8443'], pin: `sha256:${'A'.repeat(43)}` },
  client: { id: 'laptop', key: 'A'.repeat(43) },
  socks: { users: [{ name: 'alice', password: 'secret' }] },
  transparent: { listen: ['127.0.0.1:12345'] },
  uplinks: [{ name: 'wifi', interface: 'wlan0', metered: {} }],
} as const;
