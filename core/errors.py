"""The one tree of errors that the method raises.

Each class has a stable `code`, which becomes the `code` of a problem document;
only `api/errors.py` knows the HTTP status that belongs to it.
"""


class CadenceError(Exception):
    """Base of everything that we raise on purpose."""

    code = "internal"


class InputFileError(CadenceError):
    """A file given by the shop cannot be used; the message says which and why."""

    code = "bad_input_file"


class ArtifactError(CadenceError):
    """A published artifact is missing, incomplete or altered."""

    code = "bad_artifact"


class NoCatalogError(CadenceError):
    """Products were asked for, but this shop was set up from queries alone."""

    code = "no_catalog"


class OverloadedError(CadenceError):
    """More work waits than can be answered within its deadline."""

    code = "overloaded"


class ModelsError(CadenceError):
    """The models could not compute a list; the message says why."""

    code = "models_failed"


class JobRunningError(CadenceError):
    """A job of this kind, or of one that must not run beside it, is under way."""

    code = "job_running"


class OutcomeUnknownError(CadenceError):
    """A transaction may be on disk, whole, or not at all: who knows has gone."""

    code = "outcome_unknown"


class ConflictError(CadenceError):
    """An identifier was used before with other content."""

    code = "conflict"


class UnknownProductError(CadenceError):
    """A product was named that the catalogue does not hold."""

    code = "unknown_product"


class UnknownUserError(CadenceError):
    """A user was named of whom the shop knows nothing."""

    code = "unknown_user"


class ProfileError(CadenceError):
    """A stored profile cannot be read; the log still holds what it was made from."""

    code = "bad_profile"


class ExperimentDataError(CadenceError):
    """What was measured cannot be compared: an arm is empty, a value is not a number, or nothing was counted."""

    code = "bad_experiment_data"
