"""The adapter to image registries: from the URL of a manifest to the blobs of the image.

Users write the URLs that are fetched here, and registries answer what they like: so everything from outside is bounded,
checked, and never quoted but for digests and media types that have their form. What ids peers know the blobs by is
`dragonfly/`'s business.
"""
