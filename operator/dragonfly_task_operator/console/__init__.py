"""The web page of `kubectl dragonfly console`: the Task page of Dragonfly's console, on Kubernetes objects.

Served on 127.0.0.1 for one person, with the rights of their kubeconfig; all it knows comes from `client`, all it does
is to make and edit objects through it. HTML is made here, by templates; the browser gets a script of a page that
brings new states in, and works without. Nothing is fetched from elsewhere. docs/adr/0017-console.md says why so.
"""
