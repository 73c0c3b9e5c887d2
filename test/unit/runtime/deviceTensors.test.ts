import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Ownable, TensorOwners } from '../../../src/engine/runtime/deviceTensors.ts';

/** A tensor that counts how often it was freed. */
class FakeTensor implements Ownable {
  readonly location: string;
  freed = 0;

  constructor(location = 'gpu-buffer') {
    this.location = location;
  }

  dispose(): void {
    this.freed++;
  }
}

describe('owners of device tensors', () => {
  test('free a tensor when the last of them releases it, and only once', () => {
    const owners = new TensorOwners();
    const tensor = owners.take(new FakeTensor());
    assert.deepEqual(owners.retain([tensor]), [tensor]);
    owners.retain([tensor]);
    for (const freed of [0, 0, 1, 1]) {
      owners.release([tensor]);
      assert.equal(tensor.freed, freed);
    }
    // One that is gone has no owner to be added to.
    owners.retain([tensor]);
    owners.release([tensor]);
    assert.equal(tensor.freed, 1);
  });

  test('leave host tensors and those of others alone', () => {
    const owners = new TensorOwners();
    const [host, other] = [owners.take(new FakeTensor('cpu')), new FakeTensor()];
    owners.retain([host, other]);
    owners.release([host, other, host, other]);
    owners.close();
    assert.deepEqual([host.freed, other.freed], [0, 0]);
  });

  test('are all freed at the end, however many a tensor has', () => {
    const owners = new TensorOwners();
    const [one, two, gone] = [new FakeTensor(), new FakeTensor(), new FakeTensor()];
    for (const tensor of [one, two, gone]) owners.take(tensor);
    owners.retain([two]);
    owners.release([gone]);
    owners.close();
    owners.close();
    assert.deepEqual([one.freed, two.freed, gone.freed], [1, 1, 1]);
  });
});
