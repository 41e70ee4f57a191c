"""What can go wrong, said to a person: every message is one sentence that names the file or object and what to do."""


class OsteonError(Exception):
    """Base of all errors that Osteon raises on purpose; its text is meant for the user."""


class FileError(OsteonError):
    """A file is missing, unreadable, unsafe or not what it should be."""


class AssetError(OsteonError):
    """A part that ships with Osteon is not there."""


class InputError(OsteonError):
    """A value, image or scene does not allow what was asked."""


class Cancelled(OsteonError):
    """The user stopped the work."""
