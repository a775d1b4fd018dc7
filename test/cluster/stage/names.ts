/** Names and addresses on the stage: a node, its networks, and the names by which a site's own servers are known. */
export const nodeName = 'node-a';
export const nodeAddress = '10.99.0.1';
export const podNetwork = '10.244.0.0/24';
export const serviceNetwork = '10.96.0.0/16';
export const dnsAddress = '10.96.0.10';

/** The person's own client at Authority: never that of a workload. */
export const operatorClient = 'alice';

/** As in the sample values. */
export const siteNames = { authority: 'authority.internal', scanner: 'scanner.internal', registry: 'registry.internal' } as const;
/** Of their Services: fixed, so that machines outside the cluster's DNS know them. */
export const siteAddresses = { authority: '10.96.0.20', scanner: '10.96.0.21' } as const;
/** Of the node and of Scanner's Pod alike: what it is told and what it keeps. */
export const scannerFolder = '/srv/scanner';
export const registryHost = siteNames.registry;

export const ports = { apiServer: 6443, prometheus: 9090, registry: 443, etcd: 2379, etcdPeers: 2380 } as const;
