"""Recurrences over a whole sequence, with gradients written by hand: arrays in, arrays out.

Autodiff of a scan adds every step's share of the weight gradient inside the loop, and saves whatever its rules happen
to need. A kernel saves what its docstring says it saves; its backward pass is one reverse scan that yields the
gradients of the gates, and each weight gradient is one large matmul after it.

The input projection `projected = x W_ih + b` is the caller's: one large matmul (`project`), or a gather of rows where x
is one-hot.
"""

from charnn.nn.kernels.arithmetic import as_factor, dot, project
from charnn.nn.kernels.gru import gru_scan
from charnn.nn.kernels.lstm import activated, lstm_scan
from charnn.nn.kernels.rnn import rnn_scan

__all__ = ["activated", "as_factor", "dot", "gru_scan", "lstm_scan", "project", "rnn_scan"]
