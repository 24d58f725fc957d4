"""Dify's DSL files → flowray's format. Start at ``document``."""
