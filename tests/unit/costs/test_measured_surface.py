import numpy as np
import pytest

from simgpu.costs.measured_surface import Surface, least_relative_squares


def test_weights_of_a_law_are_found_again():
    terms = np.array([[1.0, 10.0], [1.0, 1000.0], [1.0, 10.0**6]])

    assert least_relative_squares(terms, terms @ [5.0, 0.25]) == pytest.approx([5.0, 0.25])


def test_no_weight_is_negative():
    terms = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]])

    weights = least_relative_squares(terms, np.array([10.0, 9.0, 7.0]))

    assert weights.min() == 0
    assert weights[0] == pytest.approx((1 / 10 + 1 / 9 + 1 / 7) / (1 / 100 + 1 / 81 + 1 / 49))


def test_a_surface_through_one_sample_is_that_sample_and_scales_by_its_law():
    surface = Surface(np.array([[2.0]]), np.array([[3.0, 1.0]]), np.array([50.0]))

    found = [surface.predict(np.array([terms]), np.array([3.0, 1.0])).time for terms in (2.0, 4.0)]

    assert found == pytest.approx([50.0, 100.0])


def test_on_one_coordinate_the_residual_is_linear_between_neighbours():
    places = np.arange(5.0)[:, None]
    surface = Surface(np.ones((5, 1)), places, np.array([10.0, 20.0, 40.0, 80.0, 40.0]))

    between = [surface.predict(np.array([1.0]), np.array([at])).time for at in (0.5, 1.0, 3.5)]
    assert between == pytest.approx([np.sqrt(200), 20.0, np.sqrt(3200)], rel=0.01)


def test_what_lies_beyond_says_how_far_and_keeps_the_residual_of_the_border():
    places = np.arange(5.0)[:, None]
    surface = Surface(np.ones((5, 1)), places, 10.0 * 2.0 ** np.arange(5))

    found = surface.predict(np.array([1.0]), np.array([7.0]))

    assert (found.time, found.beyond, found.nearest) == (pytest.approx(160.0, rel=0.01), 3.0, 3.0)


def test_terms_that_are_more_than_those_of_any_sample_are_told_wherever_they_are():
    surface = Surface(np.array([[1.0, 10.0], [1.0, 40.0]]), np.array([[0.0], [5.0]]), np.array([10.0, 40.0]))

    found = [surface.predict(np.array([1.0, bytes]), np.array([3.0])) for bytes in (5.0, 40.0, 160.0)]

    assert [(it.beyond, it.outgrown) for it in found] == [(0.0, 0.0), (0.0, 0.0), (0.0, 2.0)]


def test_samples_of_one_place_are_averaged():
    surface = Surface(np.ones((2, 1)), np.zeros((2, 2)), np.array([10.0, 40.0]))

    assert surface.predict(np.array([1.0]), np.zeros(2)).time == pytest.approx(20.0)


def test_many_coordinates_are_exact_at_samples_and_smooth_between_them():
    generator = np.random.default_rng(5)
    places = generator.uniform(0, 10, (200, 3))

    def law(at):
        return 1000 * np.exp(0.2 * np.sin(at[:, 0] / 2) + 0.03 * at[:, 1])

    surface = Surface(np.ones((200, 1)), places, law(places))
    others = generator.uniform(1, 9, (50, 3))
    at_samples = [surface.predict(np.ones(1), place).time for place in places]
    between = np.array([surface.predict(np.ones(1), place).time for place in others])

    assert at_samples == pytest.approx(law(places), rel=1e-4)
    assert np.abs(between / law(others) - 1).mean() < 0.02
    assert surface.error < 0.03
