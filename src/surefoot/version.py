"""The version of Surefoot. Apart from the package's own file, so that every floor may read it."""

VERSION = "0.1.0"
