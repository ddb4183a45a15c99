//! Runs tasks that were woken; halts where there is none.
use super::Task;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::task::{Context, Waker};
use crossbeam_queue::ArrayQueue;
use x86_64::instructions::interrupts;

struct TaskWaker {
    id: u64,
    queue: Arc<ArrayQueue<u64>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.queue.push(self.id).expect("the queue is full");
    }
}

pub struct Executor {
    tasks: BTreeMap<u64, (Task, Waker)>,
    queue: Arc<ArrayQueue<u64>>,
}

impl Executor {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let queue = Arc::new(ArrayQueue::new(100));
        Executor {
            tasks: BTreeMap::new(),
            queue,
        }
    }

    pub fn spawn(&mut self, future: impl core::future::Future<Output = ()> + 'static) {
        let task = Task::new(future);
        let (id, queue) = (task.id, self.queue.clone());
        self.queue.push(id).expect("the queue is full");
        self.tasks
            .insert(id, (task, Arc::new(TaskWaker { id, queue }).into()));
    }

    /// Runs what is ready; returns how many tasks are left.
    pub fn turn(&mut self) -> usize {
        while let Some(id) = self.queue.pop() {
            if let Some((task, waker)) = self.tasks.get_mut(&id) {
                if task
                    .future
                    .as_mut()
                    .poll(&mut Context::from_waker(waker))
                    .is_ready()
                {
                    self.tasks.remove(&id);
                }
            }
        }
        self.tasks.len()
    }

    /// Runs until no task is left.
    pub fn finish(&mut self) {
        while self.turn() > 0 {
            self.sleep();
        }
    }

    pub fn run(&mut self) -> ! {
        loop {
            self.turn();
            self.sleep();
        }
    }

    fn sleep(&self) {
        interrupts::disable();
        if self.queue.is_empty() {
            interrupts::enable_and_hlt();
        } else {
            interrupts::enable();
        }
    }
}
