// The private variant: a network in which storage, vault, images and workspace have addresses of their own, and the names that lead there.
// What is outside of it (a person's machine, a CI runner) needs a way in that is yours: peering, VPN, a runner inside.
param stem string
param location string
param tags object
param addressPrefix string
param logsName string
param storageName string
param vaultName string
param imagesName string
param workspaceName string

var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.file.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink${environment().suffixes.acrLoginServer}'
  'privatelink.api.azureml.ms'
  'privatelink.notebooks.azure.net'
]
var services = [
  {
    name: 'blob'
    id: resourceId('Microsoft.Storage/storageAccounts', storageName)
    group: 'blob'
    zones: [zoneNames[0]]
  }
  {
    name: 'file'
    id: resourceId('Microsoft.Storage/storageAccounts', storageName)
    group: 'file'
    zones: [zoneNames[1]]
  }
  {
    name: 'vault'
    id: resourceId('Microsoft.KeyVault/vaults', vaultName)
    group: 'vault'
    zones: [zoneNames[2]]
  }
  {
    name: 'images'
    id: resourceId('Microsoft.ContainerRegistry/registries', imagesName)
    group: 'registry'
    zones: [zoneNames[3]]
  }
  {
    name: 'workspace'
    id: resourceId('Microsoft.MachineLearningServices/workspaces', workspaceName)
    group: 'amlworkspace'
    zones: [zoneNames[4], zoneNames[5]]
  }
]

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource rules 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: 'nsg-${stem}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'https-from-the-network'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else-comes-in'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: 'vnet-${stem}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        name: 'endpoints'
        properties: {
          addressPrefix: addressPrefix
          privateEndpointNetworkPolicies: 'Enabled'
          defaultOutboundAccess: false
          networkSecurityGroup: {
            id: rules.id
          }
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zoneNames: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, index) in zoneNames: {
    parent: zones[index]
    name: 'vnet-${stem}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: virtualNetwork.id
      }
    }
  }
]

resource addresses 'Microsoft.Network/privateEndpoints@2025-09-01' = [
  for service in services: {
    name: 'pe-${stem}-${service.name}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: '${virtualNetwork.id}/subnets/endpoints'
      }
      privateLinkServiceConnections: [
        {
          name: service.name
          properties: {
            privateLinkServiceId: service.id
            groupIds: [service.group]
          }
        }
      ]
    }
  }
]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = [
  for (service, index) in services: {
    parent: addresses[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        for zone in service.zones: {
          name: replace(zone, '.', '-')
          properties: {
            privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zone)
          }
        }
      ]
    }
    dependsOn: [zones]
  }
]

resource traffic 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: rules
  properties: {
    workspaceId: logs.id
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}
