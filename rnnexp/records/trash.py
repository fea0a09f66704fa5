"""Say that a study is in MLflow's trash, and how it comes back."""

from rnnexp.errors import UserError


class InTrash(UserError):
    """Say that the MLflow experiment of a study was deleted, which keeps it in a trash that nobody sees."""

    def __init__(self, study: str, experiment_id: str, uri: str):
        super().__init__(
            f"study={study} is in the trash of {uri}: MLFLOW_TRACKING_URI={uri} mlflow experiments restore "
            f"--experiment-id {experiment_id} brings it back; or take another name"
        )

    def __reduce__(self):
        return UserError, self.args
