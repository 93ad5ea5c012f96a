"""Work that several threads do at once."""

from collections.abc import Callable, Iterable
from threading import Thread


def errors_of(work: Callable[[int], object], numbers: Iterable[int]) -> list[BaseException]:
    """Do work in one thread for each number, wait for all of them, and return what they raised."""
    errors: list[BaseException] = []

    def caught(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=caught, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
