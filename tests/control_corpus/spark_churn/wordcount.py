from pyspark.sql import SparkSession
from pyspark.sql.functions import explode, lower, split

spark = SparkSession.builder.getOrCreate()
lines = spark.read.text("books")
words = lines.select(explode(split(lower(lines.value), r"\W+")).alias("word"))
words.groupBy("word").count().orderBy("count", ascending=False).show(20)
