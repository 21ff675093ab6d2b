import click

from shop.models import Base, engine

CONFIRM_PROMPT = "Are you sure that you want to delete all of the tables? This cannot be taken back"


@click.group()
def cli():
    """Administration."""


@cli.command()
def reset():
    click.confirm(CONFIRM_PROMPT, abort=True)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)


@cli.command()
@click.option("--email", prompt="The e-mail address of the new administrator")
def admin(email):
    click.echo(f"made {email}")


if __name__ == "__main__":
    cli()
