"""Update by AdamW: Adam with a weight decay that its steps do not rescale."""

from rnnexp.optim.adam import Adam


class AdamW(Adam):
    """Multiply values by 1 - lr * weight_decay, then update as Adam does.

    Loshchilov & Hutter 2019, "Decoupled weight decay regularization".
    """

    def decay(self, values, g, lr):
        values *= 1 - lr * self.weight_decay


make = AdamW
