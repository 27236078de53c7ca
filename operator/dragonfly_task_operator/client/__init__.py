"""A person's access to the runs: TaskSearches, TaskDeletions and TaskReports, with the rights of their kubeconfig.

What the command line and the console's page stand on. The operator itself does not use this room: its own way to the
objects is `kube`, whose connections are used here, too. Nothing here prints, asks, or knows what things look like.
"""
