"""``ContentConformance``: subclass it, and pytest says what your content type still lacks."""

from __future__ import annotations

from lamella_testing.content.base import ContentBase
from lamella_testing.content.classes import ClassContract
from lamella_testing.content.damage import DamageContract
from lamella_testing.content.encoding import EncodingContract
from lamella_testing.content.files import FileContract
from lamella_testing.content.guarded import GuardContract
from lamella_testing.content.hooks import HookContract
from lamella_testing.content.messages import MessageContract
from lamella_testing.content.plugins import PluginContract
from lamella_testing.content.probing import ProbeContract
from lamella_testing.content.storage import StorageContract

__all__ = ["ContentConformance"]


class ContentConformance(
    PluginContract,
    ClassContract,
    StorageContract,
    MessageContract,
    FileContract,
    GuardContract,
    ProbeContract,
    DamageContract,
    EncodingContract,
    HookContract,
    ContentBase,
):
    """What every content type must pass.

    ::

        class TestVideo(ContentConformance):
            plugin = "video"
            files = {"clip.mp4": (MP4, "video/mp4")}
            bad_files = {"cut.mp4": MP4[:20]}

            def samples(self):
                return [VideoContent.from_bytes(MP4), VideoContent.from_url("https://example.com/a.mp4")]

    A test that fails says what to do. A test that is skipped names what the plugin does not declare, or
    what the author could give. What can be given are the attributes of
    :class:`~lamella_testing.content.base.ContentBase`.
    """
