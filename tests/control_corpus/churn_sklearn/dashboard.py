import joblib
import matplotlib.pyplot as plt
import pandas as pd
import streamlit as st

st.title("Churn")
frame = pd.read_csv("splits/test.csv")
model = joblib.load("churn.joblib")
chance = model.predict_proba(frame.drop(columns="churned"))[:, 1]
threshold = st.slider("Threshold", 0.0, 1.0, 0.5)
fig, axis = plt.subplots()
axis.hist(chance, bins=30)
axis.axvline(threshold, color="red")
st.pyplot(fig)
st.metric("flagged", int((chance > threshold).sum()))
