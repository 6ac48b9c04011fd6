"""Why a worker could not do what was asked, as a sentence for the person who asked."""


class Refusal(Exception):
    """Becomes a ``Failed`` message: ``code`` for programs, ``sentence`` for people, ``retry`` where it may help."""

    def __init__(self, code: str, sentence: str, *, retry: bool = False) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.retry = code, sentence, retry
