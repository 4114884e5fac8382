"""Assets: data, models, environments and components by name and version, as a workspace of Azure ML keeps them, here in a folder.

What a reference (`azureml:cereal@latest`, `azureml://datastores/...`, `https://...`) means on this machine is found out in this room.
"""
