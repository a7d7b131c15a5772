"""What the rows ask of CPython's multiprocessing: one sample, printed, for each line read. See bench/python.js."""

import multiprocessing as mp
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

clock = time.perf_counter


def nothing():
    pass


def double(x):
    return x * 2


def same(x):
    return x


def start(method):
    context = mp.get_context(method)

    def sample():
        began = clock()
        child = context.Process(target=nothing)
        child.start()
        child.join()
        return (clock() - began) * 1000

    return sample


def start_many(method, count):
    context = mp.get_context(method)

    def sample():
        began = clock()
        children = [context.Process(target=nothing) for _ in range(int(count))]
        for child in children:
            child.start()
        for child in children:
            child.join()
        return int(count) / (clock() - began)

    return sample


def echo(connection):
    while True:
        try:
            connection.send(connection.recv())
        except EOFError:
            return


def pipe_roundtrip():
    ours, theirs = mp.Pipe()
    mp.Process(target=echo, args=(theirs,), daemon=True).start()
    count = 4000

    def sample():
        began = clock()
        for n in range(count):
            ours.send(n)
            ours.recv()
        return count / (clock() - began)

    return sample


def take_bytes(connection):
    while True:
        try:
            connection.send(len(connection.recv_bytes()))
        except EOFError:
            return


def pipe_bytes(size, count):
    size, count = int(size), int(count)
    ours, theirs = mp.Pipe()
    mp.Process(target=take_bytes, args=(theirs,), daemon=True).start()
    data = bytes(size)

    def sample():
        began = clock()
        for _ in range(count):
            ours.send_bytes(data)
            ours.recv()
        return size * count / 2**20 / (clock() - began)

    return sample


def make_item(kind):
    if kind == "int":
        return 7
    if kind == "object":
        return {"id": 17, "name": "a name", "ok": True, "ratio": 0.5, "tags": None}
    return bytes(int(kind))


def produce(commands, queue, kind):
    item = make_item(kind)
    for count in iter(commands.get, None):
        for _ in range(count):
            queue.put(item)


def queue(producers, kind, total):
    producers, total = int(producers), int(total)
    commands, items = mp.Queue(), mp.Queue(maxsize=1000 if kind.isdigit() else 0)
    for _ in range(producers):
        mp.Process(target=produce, args=(commands, items, kind), daemon=True).start()
    share = total // producers

    def sample():
        began = clock()
        for _ in range(producers):
            commands.put(share)
        for _ in range(share * producers):
            items.get()
        return share * producers / (clock() - began)

    return sample


def pool_map(workers, count, chunk_size):
    pool = mp.Pool(int(workers))
    count, chunk_size = int(count), int(chunk_size) or None

    def sample():
        began = clock()
        result = pool.map(double, range(count), chunk_size)
        assert len(result) == count
        return count / (clock() - began)

    return sample


def executor_submit(workers, count):
    executor = ProcessPoolExecutor(int(workers))
    count = int(count)

    def sample():
        began = clock()
        for future in [executor.submit(double, n) for n in range(count)]:
            future.result()
        return count / (clock() - began)

    return sample


def pool_latency(count):
    pool = mp.Pool(2)
    count = int(count)

    def sample():
        began = clock()
        for n in range(count):
            pool.apply(double, (n,))
        return (clock() - began) / count * 1e6

    return sample


def pool_first(method):
    context = mp.get_context(method)

    def sample():
        began = clock()
        pool = context.Pool(2)
        pool.map(double, [1, 2], 1)
        spent = (clock() - began) * 1000
        pool.terminate()
        pool.join()
        return spent

    return sample


def pool_bytes(size):
    pool = mp.Pool(1)
    data = bytes(int(size))

    def sample():
        began = clock()
        assert len(pool.apply(same, (data,))) == int(size)
        return (clock() - began) * 1000

    return sample


def executor_bytes(size):
    executor = ProcessPoolExecutor(1)
    data = bytes(int(size))

    def sample():
        began = clock()
        assert len(executor.submit(same, data).result()) == int(size)
        return (clock() - began) * 1000

    return sample


def touch_shared(name):
    from multiprocessing.shared_memory import SharedMemory

    memory = SharedMemory(name=name)
    memory.buf[0] = 1
    memory.close()


def pool_shared(size):
    from multiprocessing.shared_memory import SharedMemory

    pool = mp.Pool(1)
    memory = SharedMemory(create=True, size=int(size))

    def sample():
        began = clock()
        pool.apply(touch_shared, (memory.name,))
        return (clock() - began) * 1000

    sample.close = lambda: (memory.close(), memory.unlink())
    return sample


def lock_alone(count):
    lock = mp.Lock()
    count = int(count)

    def sample():
        acquire, release = lock.acquire, lock.release
        began = clock()
        for _ in range(count):
            acquire()
            release()
        return (clock() - began) / count * 1e9

    return sample


def fight(lock, barrier, count):
    while True:
        barrier.wait()
        for _ in range(count):
            lock.acquire()
            lock.release()
        barrier.wait()


def lock_contended(processes, count):
    processes, count = int(processes), int(count)
    lock, barrier = mp.Lock(), mp.Barrier(processes + 1)
    for _ in range(processes):
        mp.Process(target=fight, args=(lock, barrier, count), daemon=True).start()

    def sample():
        barrier.wait()
        began = clock()
        barrier.wait()
        return processes * count / (clock() - began)

    return sample


def value_add(count):
    value = mp.Value("i", 0)
    count = int(count)

    def sample():
        began = clock()
        for _ in range(count):
            with value.get_lock():
                value.value += 1
        return count / (clock() - began)

    return sample


def cloudpickle_closure():
    import cloudpickle

    factor, label, settings = 3, "scaled", {"offset": 1}

    def scale(x):
        return f"{label} {x * factor + settings['offset']}"

    def sample():
        times = []
        for _ in range(200):
            began = clock()
            cloudpickle.dumps(scale)
            times.append(clock() - began)
        return sorted(times)[100] * 1e6

    return sample


def main():
    what, *args = sys.argv[1:]
    sample = globals()[what](*args)
    for _ in sys.stdin:
        print(sample(), flush=True)
    getattr(sample, "close", lambda: None)()
    sys.stdout.flush()
    for child in mp.active_children():
        child.terminate()
    os._exit(0)


if __name__ == "__main__":
    main()
