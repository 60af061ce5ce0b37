"""What the cpu service loads before it forks: rooms and topic packs, in memory that its children share."""

import workers.extract.contained
import workers.store.articles
import workers.store.pages  # noqa: F401
from config.settings import load_settings
from workers.packs import watched_classifier

watched_classifier(load_settings().topics_dir)
