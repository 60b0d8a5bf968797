"""What reading each fact takes on each platform. Imports no SDK: who only wants to know pays nothing for reading."""

from __future__ import annotations

from bot.model.readings import PlatformReadings
from bot.model.subjects import Platform
from bot.platforms.azure_devops.readings import READINGS as AZURE_DEVOPS
from bot.platforms.github.readings import READINGS as GITHUB

READINGS: PlatformReadings = {Platform.GITHUB: GITHUB, Platform.AZURE_DEVOPS: AZURE_DEVOPS}
