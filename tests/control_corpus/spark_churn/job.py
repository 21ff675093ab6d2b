from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
frame = spark.read.parquet("churn")
stages = [StringIndexer(inputCol="plan", outputCol="plan_i"), VectorAssembler(inputCols=["plan_i", "age"], outputCol="features"), LogisticRegression(labelCol="churned", regParam=0.01)]
fitted = Pipeline(stages=stages).fit(frame)
fitted.write().overwrite().save("churn_model")
