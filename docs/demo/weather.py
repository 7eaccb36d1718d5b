"""The tools of the demo: plain functions. Their hints and docstrings are all a model gets to see."""

from typing import Literal

_CELSIUS = {"Paris": 14.5, "Rome": 21.0, "Oslo": 3.5}


def weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, float | str]:
    """Tell the current temperature in a city.

    :param city: the city's name, such as Paris
    :param unit: the unit of the answer
    """
    if city not in _CELSIUS:
        raise LookupError(f"no weather station in {city}; there are stations in {', '.join(_CELSIUS)}")
    degrees = _CELSIUS[city]
    return {"city": city, "degrees": degrees if unit == "celsius" else degrees * 9 / 5 + 32, "unit": unit}
