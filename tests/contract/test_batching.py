"""`serve.batch`: calls that come together are answered together, instance by instance."""

import pytest

from graphnb import InputNode, serve
from graphnb.errors import NodeError


@serve.deployment
def join(*xs):
    """A list of all that it gets."""
    return list(xs)


def test_calls_that_come_together_are_one_batch(deploy, signals):
    """Four calls fill a batch of four: the method is called once, with a list."""

    @serve.deployment(max_ongoing_requests=4)
    class Batched:
        @serve.batch(max_batch_size=4, batch_wait_timeout_s=30)
        async def run(self, xs):
            signals.note("batch", xs)
            return [x * 10 for x in xs]

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(number) for number in range(4)]
    assert [one.result() for one in responses] == [0, 10, 20, 30]
    assert [sorted(one) for one in signals.notes("batch")] == [[0, 1, 2, 3]]


def test_a_batch_that_does_not_fill_is_run_after_its_wait(deploy, signals):
    """One call alone waits no longer than `batch_wait_timeout_s`."""

    @serve.deployment(max_ongoing_requests=10)
    class Batched:
        @serve.batch(max_batch_size=10, batch_wait_timeout_s=0.01)
        async def run(self, xs):
            signals.note("batch", len(xs))
            return xs

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    assert deploy(node).remote(5).result() == 5
    assert signals.notes("batch") == [1]


def test_instances_do_not_mix_their_batches(deploy, signals, executor):
    """Two binds of one class, and two replicas of one bind, batch on their own.

    Ray Serve may give one of the replicas an odd number of calls: the last of them waits alone.
    """
    wait_s = 30 if executor == "local" else 1

    @serve.deployment(num_replicas=2, max_ongoing_requests=2)
    class Batched:
        def __init__(self, name):
            self.name = name
            self.tag = serve.get_replica_context().replica_tag

        @serve.batch(max_batch_size=2, batch_wait_timeout_s=wait_s)
        async def run(self, xs):
            signals.note("batch", [self.name, self.tag, xs])
            return [[self.name, x] for x in xs]

    with InputNode() as inp:
        node = join.bind(
            Batched.bind("first").run.bind(inp[0]), Batched.bind("second").run.bind(inp[1])
        )
    graph = deploy(node)
    responses = [graph.remote([f"a{n}", f"b{n}"]) for n in range(8)]
    for n, one in enumerate(responses):
        assert one.result() == [["first", f"a{n}"], ["second", f"b{n}"]]
    batches = signals.notes("batch")
    assert len(batches) == 8 if executor == "local" else len(batches) >= 8
    assert len({tag for _name, tag, _xs in batches}) == 4
    for name, _tag, xs in batches:
        assert {x[0] for x in xs} == {"a" if name == "first" else "b"}


def test_graphs_of_one_class_do_not_mix_their_batches(deploy):
    """Two graphs that run the same class at the same time keep their batches apart."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        def __init__(self, name):
            self.name = name

        @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
        async def run(self, xs):
            return [[self.name, len(xs), x] for x in xs]

    graphs = []
    for name in ("first", "second"):
        with InputNode() as inp:
            graphs.append(deploy(Batched.bind(name).run.bind(inp), name=name))
    responses = [one.remote(n) for n in range(2) for one in graphs]
    assert [one.result() for one in responses] == [
        ["first", 2, 0],
        ["second", 2, 0],
        ["first", 2, 1],
        ["second", 2, 1],
    ]


def test_a_batch_inside_a_method_works(deploy, signals):
    """A method may await a batched method of its own instance."""

    @serve.deployment(max_ongoing_requests=3)
    class Model:
        def __init__(self, weight):
            self.weight = weight

        @serve.batch(max_batch_size=3, batch_wait_timeout_s=30)
        async def _forward(self, xs):
            signals.note("batch", len(xs))
            return [x * self.weight for x in xs]

        async def __call__(self, x):
            return 1 + await self._forward(x)

    with InputNode() as inp:
        node = Model.bind(10).__call__.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(n) for n in range(3)]
    assert [one.result() for one in responses] == [1, 11, 21]
    assert signals.notes("batch") == [3]


def test_a_batched_method_is_called_through_a_handle(deploy):
    """A holder's calls of a batched method come together as any others."""

    @serve.deployment(max_ongoing_requests=4)
    class Batched:
        @serve.batch(max_batch_size=4, batch_wait_timeout_s=30)
        async def run(self, xs):
            return [[x, len(xs)] for x in xs]

    @serve.deployment
    class Caller:
        def __init__(self, batched):
            self.batched = batched

        async def run(self, xs):
            responses = [self.batched.run.remote(x) for x in xs]
            return [await one for one in responses]

    with InputNode() as inp:
        node = Caller.bind(Batched.bind()).run.bind(inp)
    assert deploy(node).remote([5, 6, 7, 8]).result() == [[5, 4], [6, 4], [7, 4], [8, 4]]


def test_a_batch_of_several_arguments_is_several_lists(deploy):
    """Each parameter of a batched method gets a list."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
        async def run(self, xs, scales):
            return [x * scale for x, scale in zip(xs, scales, strict=True)]

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp[0], inp[1])
    graph = deploy(node)
    responses = [graph.remote(n, 10 * n) for n in (1, 2)]
    assert [one.result() for one in responses] == [10, 40]


def test_a_batch_that_raises_fails_each_of_its_calls(deploy):
    """The error of a batch is a NodeError of the original type for all that were in it."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
        async def run(self, xs):
            raise KeyError("weights")

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(n) for n in range(2)]
    for one in responses:
        with pytest.raises(KeyError, match="weights") as caught:
            one.result()
        assert isinstance(caught.value, NodeError)
        assert caught.value.node == "Batched.run"


def test_batches_have_the_same_trace_for_each_call(deploy):
    """Each call of a batch has a span of its own, in its own trace."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
        async def run(self, xs):
            return xs

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(n) for n in range(2)]
    for one in responses:
        one.result()
        assert [span.call for span in one.request.trace("ok", None).spans] == ["Batched.run", None]
    assert responses[0].request_id != responses[1].request_id


def test_the_batch_size_may_be_set_in_reconfigure(deploy, signals):
    """`self.method.set_max_batch_size(...)` sets the size of that instance's batches."""

    @serve.deployment(max_ongoing_requests=6, user_config=3)
    class Batched:
        @serve.batch(max_batch_size=1, batch_wait_timeout_s=30)
        async def run(self, xs):
            signals.note("batch", len(xs))
            return xs

        def reconfigure(self, size):
            self.run.set_max_batch_size(size)

    with InputNode() as inp:
        node = Batched.bind().run.bind(inp)
    graph = deploy(node)
    responses = [graph.remote(n) for n in range(6)]
    assert [one.result() for one in responses] == list(range(6))
    assert signals.notes("batch") == [3, 3]


def test_functions_batch_too(deploy, signals):
    """A batched function is a deployment like another; two binds of it do not mix."""

    @serve.deployment(max_ongoing_requests=2)
    @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
    async def work(xs):
        signals.note("batch", xs)
        return [x + "!" for x in xs]

    with InputNode() as inp:
        node = join.bind(work.bind(inp[0]), work.bind(inp[1]))
    graph = deploy(node)
    responses = [graph.remote([f"a{n}", f"b{n}"]) for n in range(4)]
    assert [one.result() for one in responses] == [[f"a{n}!", f"b{n}!"] for n in range(4)]
    for batch in signals.notes("batch"):
        assert len(batch) == 2
        assert len({x[0] for x in batch}) == 1


def test_values_of_a_batch_are_isolated(deploy):
    """A batch gets copies, and what it returns is copied for each consumer."""

    @serve.deployment(max_ongoing_requests=2)
    class Batched:
        @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
        async def run(self, xs):
            shared = []
            for x in xs:
                x.append("seen")
                shared.append(x)
            return [shared, shared]

    with InputNode() as inp:
        node = join.bind(Batched.bind().run.bind(inp), inp)
    graph = deploy(node)
    responses = [graph.remote([n]) for n in range(2)]
    first, second = (one.result() for one in responses)
    assert first[1] == [0]
    assert second[1] == [1]
    assert sorted(first[0]) == sorted(second[0]) == [[0, "seen"], [1, "seen"]]


def test_a_changed_batched_class_is_replaced_with_its_own_queue(deploy):
    """After an update the new instance batches, and nobody waits in the old queue."""

    def graph_of(weight):
        @serve.deployment(max_ongoing_requests=2)
        class Batched:
            @serve.batch(max_batch_size=2, batch_wait_timeout_s=30)
            async def run(self, xs):
                return [x * weight for x in xs]

        with InputNode() as inp:
            return deploy(Batched.bind().run.bind(inp))

    for weight in (2, 3):
        graph = graph_of(weight)
        responses = [graph.remote(n) for n in (1, 2)]
        assert [one.result() for one in responses] == [weight, 2 * weight]
