"""Kill -9 at random points: nothing acknowledged is lost, nothing is repeated."""

from marginbook.benchmarks.kill import kill_in_own_process


def test_forty_kills_lose_and_repeat_nothing(tmp_path):
    outcome = kill_in_own_process(40, seed=7, folder=tmp_path)
    assert (outcome.lost, outcome.repeated, outcome.torn) == (0, 0, 0)
    assert outcome.kills == 40
    assert outcome.acknowledged > 200
    assert outcome.written >= outcome.acknowledged
