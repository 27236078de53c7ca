"""`make krew`: what `kubectl krew install` needs of this project, an archive and a manifest."""
