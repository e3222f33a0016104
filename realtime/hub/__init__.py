"""From publications to the subscribers of this node.

`hub.py` brings subscribers and channels (`channel.py`) together. What a turn of the loop
(`turn.py`) brings on a channel is a run (`run.py`), given out by `fanout.py`; `conflation.py` lets
the newest value win, `compression.py` (`delta.py`) sends differences, `tags_filter.py` lets
through what somebody wants. What was missed: `realtime/history/`; maps: `realtime/maps/`.
"""
