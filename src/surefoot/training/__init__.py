"""From judged episodes to the next policy version.

    groups --advantage--> baseline --batch--> rows --losses--> gradient --optimizer--> weights
                                                                     trainer    checkpoint

Not here: sampling, rewards, the order of steps. This file is the room's sign and imports nothing.
"""
