import tensorflow as tf


@tf.function
def step(model, opt, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
    grads = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(grads, model.trainable_variables))
    return loss


def run(model, data, epochs=5):
    opt = tf.keras.optimizers.SGD(0.01, momentum=0.9)
    for epoch in range(epochs):
        for x, y in data:
            loss = step(model, opt, x, y)
        tf.print(epoch, loss)
