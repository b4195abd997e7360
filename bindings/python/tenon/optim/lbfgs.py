"""L-BFGS, with a line search that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tenon import _C
from tenon._C import Tensor
from tenon.autograd.grad_mode import enable_grad, no_grad
from tenon.optim.optimizer import Optimizer, ParamsT, _check_lr, _to_scalar

__all__ = ["LBFGS"]


class _Point(NamedTuple):
    """Where a line search has been: the length of the step, the loss, the gradient, and its slope along the line."""

    t: Any
    loss: Any
    grad: Tensor
    slope: Any


def _cubic_interpolate(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two losses and slopes is least, within bounds."""
    low, high = bounds if bounds is not None else (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if a.t <= b.t:
        least = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    else:
        least = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(least, low), high)


def _strong_wolfe(
    evaluate: Callable[[Any], tuple[float, Tensor]],
    direction: Tensor,
    t: Any,
    start: _Point,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[float, Tensor, Any, int]:
    """A step along a line that lowers the loss and its slope enough: loss, gradient, length, number of evaluations."""

    def probe(t: Any) -> _Point:
        loss, grad = evaluate(t)
        return _Point(t, loss, grad, grad.dot(direction))

    def too_high(point: _Point) -> bool:
        return bool(point.loss > start.loss + c1 * point.t * start.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -c2 * start.slope)

    longest = direction.abs().max()
    previous, point = start, probe(t)
    evaluations, iteration = 1, 0
    done = False
    # Steps that grow, until one brackets the least loss.
    while iteration < max_ls:
        if too_high(point) or (iteration > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
            break
        if flat(point):
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [previous, point]
            break
        bounds = point.t + 0.01 * (point.t - previous.t), point.t * 10
        previous, point = point, probe(_cubic_interpolate(previous, point, bounds))
        evaluations += 1
        iteration += 1
    else:
        bracket = [start, point]

    # The bracket shrinks, until a step in it is good enough.
    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while not done and iteration < max_ls:
        left, right = min(bracket[0].t, bracket[1].t), max(bracket[0].t, bracket[1].t)
        if abs(bracket[1].t - bracket[0].t) * longest < tolerance_change:
            break
        t = _cubic_interpolate(bracket[0], bracket[1])
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Close to an end twice, or beyond it: a tenth off that end instead.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = probe(t)
        evaluations += 1
        iteration += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        else:
            if flat(point):
                done = True
            elif point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
    best = bracket[low]
    return best.loss, best.grad, best.t, evaluations


class LBFGS(Optimizer):
    """Steps by an estimate of the inverse Hessian from the last gradients; all parameters are one group."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        _check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gather_flat_grad(self) -> Tensor:
        flat = []
        for param in self._params:
            grad = param.grad
            if grad is None:
                grad = _C.functions["zeros_like"](param.detach())
            if grad.is_complex():
                grad = _C.functions["view_as_real"](grad)
            flat.append(grad.reshape(-1))
        return _C.functions["cat"](flat, 0)

    def _add_grad(self, step_size: Any, update: Tensor) -> None:
        begin, size = 0, float(step_size)
        for param in self._params:
            real = _C.functions["view_as_real"](param) if param.is_complex() else param
            count = real.numel()
            real.add_(update[begin : begin + count].view_as(real), alpha=size)
            begin += count

    def _direction(self, state: dict[str, Any], grad: Tensor, history_size: int) -> Tensor:
        """The gradient times the estimated inverse Hessian, which takes in the last step."""
        old_dirs, old_stps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        change, move = grad.sub(state["prev_flat_grad"]), state["d"].mul(state["t"])
        curvature = change.dot(move)
        if curvature > 1e-10:
            if len(old_dirs) == history_size:
                for history in (old_dirs, old_stps, ro):
                    history.pop(0)
            old_dirs.append(change)
            old_stps.append(move)
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        al = state.setdefault("al", [None] * history_size)
        q = grad.neg()
        for i in reversed(range(len(old_dirs))):
            al[i] = old_stps[i].dot(q) * ro[i]
            q.add_(old_dirs[i], alpha=-al[i])
        r = q.mul(state["H_diag"])
        for i in range(len(old_dirs)):
            r.add_(old_stps[i], alpha=al[i] - old_dirs[i].dot(r) * ro[i])
        return r

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Updates the parameters; the closure, called several times, computes the gradients and returns the loss."""
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr, max_iter, max_eval = _to_scalar(group["lr"]), group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        search = group["line_search_fn"]
        if search is not None and search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        # One state for all parameters, under the first.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max() <= tolerance_grad:
            return first_loss

        for iteration in range(1, max_iter + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
                t = min(1.0, 1.0 / grad.abs().sum()) * lr
            else:
                state["d"] = self._direction(state, grad, group["history_size"])
                t = lr
            direction = state["d"]
            state["prev_flat_grad"] = grad.clone()
            state["prev_loss"] = loss_before = loss
            state["t"] = t
            slope = grad.dot(direction)
            if slope > -tolerance_change:
                break

            used = 0
            small = False
            if search is not None:
                before = [param.clone() for param in self._params]

                def evaluate(
                    t: Any, direction: Tensor = direction, before: list[Tensor] = before
                ) -> tuple[float, Tensor]:
                    self._add_grad(t, direction)
                    there = float(closure()), self._gather_flat_grad()
                    for param, data in zip(self._params, before):
                        param.copy_(data)
                    return there

                loss, grad, t, used = _strong_wolfe(
                    evaluate, direction, t, _Point(0, loss, grad, slope), max_ls=max_eval - evaluations
                )
                state["t"] = t
                self._add_grad(t, direction)
                small = bool(grad.abs().max() <= tolerance_grad)
            else:
                self._add_grad(t, direction)
                # After the last step nobody needs the gradient.
                if iteration != max_iter:
                    loss = float(closure())
                    grad = self._gather_flat_grad()
                    small = bool(grad.abs().max() <= tolerance_grad)
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if evaluations >= max_eval or small:
                break
            if direction.mul(t).abs().max() <= tolerance_change or abs(loss - loss_before) < tolerance_change:
                break
        return first_loss
